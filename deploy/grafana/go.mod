module github.com/coffeebuddy/coffeebuddy/deploy/grafana

go 1.26.0
