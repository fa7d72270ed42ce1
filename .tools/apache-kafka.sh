#!/usr/bin/env bash
# One node of Apache Kafka (KRaft) on this machine, for the tests that must not trust the embedded broker alone.
#
#   apache-kafka.sh start DIR    fetches the server (once), starts it with its data in DIR, prints its bootstrap address when it is ready
#   apache-kafka.sh secured DIR  the same with TLS (DIR/ca.pem), SCRAM-SHA-512 and ACLs: the user root may do everything, ingress, runs,
#                                fairness and reminder may do nothing; the password of all is in DIR/password
#   apache-kafka.sh stop DIR     stops it
#   apache-kafka.sh checksums    writes jars.sha256 anew, after a change of pom.xml
#
# Needs Java 17 or newer. The jars come through Maven, with whatever mirror it is configured for, or without Maven from
# MAVEN_REPOSITORY (default Maven Central) by curl; either way they must match jars.sha256.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
jars=$here/../.bin/apache-kafka
java=${JAVA_HOME:+$JAVA_HOME/bin/}java

checksum() { if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }
complete() { (cd "$jars" && checksum -c "$here/apache-kafka/jars.sha256") >/dev/null 2>&1; }

fetch_with_maven() {
  mvn --quiet --batch-mode --file "$here/apache-kafka/pom.xml" dependency:copy-dependencies \
    -DincludeScope=runtime -Dmdep.useRepositoryLayout=true -DoutputDirectory="$jars" >&2
}

fetch_with_curl() {
  local base=${MAVEN_REPOSITORY:-https://repo1.maven.org/maven2}
  awk -v base="$base" -v jars="$jars" '{ printf "url = \"%s/%s\"\noutput = \"%s/%s\"\n", base, $2, jars, $2 }' "$here/apache-kafka/jars.sha256" |
    curl --fail --silent --show-error --location --retry 3 --create-dirs --config -
}

fetch() {
  complete && return
  rm -rf "$jars" && mkdir -p "$jars"
  echo "fetching Apache Kafka into $jars" >&2
  if command -v mvn >/dev/null; then fetch_with_maven; else fetch_with_curl; fi
  complete || { echo "the jars differ from $here/apache-kafka/jars.sha256" >&2; exit 1; }
}

# free_port prints a port nobody listens on, below the range that clients are given theirs from.
free_port() {
  local port
  while port=$((20000 + RANDOM % 12000)); (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  echo "$port"
}

# secure prints the settings of a server that asks who one is.
secure() {
  local dir=$1
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext 'subjectAltName=IP:127.0.0.1' \
    -keyout "$dir/key.pem" -out "$dir/ca.pem" 2>>"$dir/server.log"
  openssl rand -hex 16 >"$dir/password"
  cat "$dir/key.pem" "$dir/ca.pem" >"$dir/keystore.pem"
  cat <<PROPERTIES
listener.security.protocol.map=CLIENTS:SASL_SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=CLIENTS
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
listener.name.clients.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="root" password="$(cat "$dir/password")";
ssl.keystore.type=PEM
ssl.keystore.location=$dir/keystore.pem
ssl.truststore.type=PEM
ssl.truststore.location=$dir/ca.pem
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:root;User:ANONYMOUS
PROPERTIES
}

# start DIR [secured]
start() {
  local dir=$1 secured=${2-} port controller listener=PLAINTEXT users=()
  "$java" -version >/dev/null 2>&1 || { echo "Java 17 or newer is needed" >&2; exit 1; }
  fetch
  mkdir -p "$dir" && dir=$(cd "$dir" && pwd)
  port=$(free_port)
  controller=$(free_port)
  : >"$dir/server.log"
  [ -z "$secured" ] || listener=CLIENTS
  cat >"$dir/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
listeners=$listener://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.1:$controller
log.dirs=$dir/data
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=5
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
PROPERTIES
  if [ -n "$secured" ]; then
    secure "$dir" >>"$dir/server.properties"
    for user in root ingress runs fairness reminder; do
      users+=(--add-scram "SCRAM-SHA-512=[name=$user,password=$(cat "$dir/password")]")
    done
  fi
  local classpath
  classpath=$(find "$jars" -name '*.jar' | paste -sd: -)
  [ -e "$dir/data" ] || "$java" -cp "$classpath" kafka.tools.StorageTool format -t Y29mZmVlYnVkZHktdGVzdA -c "$dir/server.properties" "${users[@]}" >>"$dir/server.log" 2>&1
  nohup "$java" -Xmx512m -Dlog4j2.level=INFO -cp "$classpath" kafka.Kafka "$dir/server.properties" >>"$dir/server.log" 2>&1 </dev/null &
  echo $! >"$dir/pid"
  for _ in $(seq 300); do
    if grep -q 'Kafka Server started' "$dir/server.log"; then
      echo "127.0.0.1:$port"
      return
    fi
    kill -0 "$(cat "$dir/pid")" 2>/dev/null || break
    sleep 0.2
  done
  echo "Apache Kafka did not start:" >&2
  tail -30 "$dir/server.log" >&2
  stop "$dir"
  exit 1
}

stop() {
  local pid
  pid=$(cat "$1/pid" 2>/dev/null) || return 0
  kill "$pid" 2>/dev/null || true
  for _ in $(seq 100); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -9 "$pid" 2>/dev/null || true
  rm -f "$1/pid"
}

checksums() {
  rm -rf "$jars" && mkdir -p "$jars" && fetch_with_maven
  (cd "$jars" && find . -name '*.jar' | sed 's|^\./||' | LC_ALL=C sort | while read -r jar; do checksum "$jar"; done) >"$here/apache-kafka/jars.sha256"
}

case "${1-} $#" in
'start 2' | 'stop 2') "$1" "$2" ;;
'secured 2') start "$2" secured ;;
'checksums 1') checksums ;;
*) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
esac
