package bus_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
)

// An envelope like those of the product's topics: message Envelope { oneof what { Started started = 1; } }
const envelopeFile = `
	name: "test.proto" package: "coffeebuddy.test.v1" syntax: "proto3"
	message_type { name: "Started" field { name: "place" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL } }
	message_type {
		name: "Envelope"
		oneof_decl { name: "what" }
		field { name: "started" number: 1 type: TYPE_MESSAGE type_name: ".coffeebuddy.test.v1.Started" label: LABEL_OPTIONAL oneof_index: 0 }
	}`

func newEnvelope(t *testing.T, text string) *dynamicpb.Message {
	t.Helper()
	var description descriptorpb.FileDescriptorProto
	require.NoError(t, prototext.Unmarshal([]byte(envelopeFile), &description))
	file, err := protodesc.NewFile(&description, nil)
	require.NoError(t, err)
	m := dynamicpb.NewMessage(file.Messages().ByName("Envelope"))
	require.NoError(t, prototext.Unmarshal([]byte(text), m))
	return m
}

func TestAnEnvelopeNamesWhatItCarries(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	envelope := newEnvelope(t, `started { place: "Lobby" }`)
	m, err := bus.Encode("topic", "w/c", "id-1", "run-1", at, envelope)
	require.NoError(t, err)
	require.Equal(t, bus.Message{
		Topic: "topic", Key: "w/c", ID: "id-1", Type: "coffeebuddy.test.v1.Started", Subject: "run-1", Time: at, Value: []byte("\x0a\x07\x0a\x05Lobby"),
	}, m)
	what := envelope.ProtoReflect().Get(envelope.ProtoReflect().Descriptor().Fields().ByName("started")).Message().Interface()
	require.Equal(t, m.Type, bus.TypeOf(what))

	back := envelope.New().Interface()
	require.NoError(t, bus.Decode(&bus.Record{Message: m}, back))
	require.True(t, proto.Equal(envelope, back))
	m.Value = []byte{0xff}
	require.ErrorContains(t, bus.Decode(&bus.Record{Message: m}, back), "decode coffeebuddy.test.v1.Started")
}

func TestAnEnvelopeMustCarrySomething(t *testing.T) {
	t.Parallel()
	_, err := bus.Encode("topic", "w/c", "id-1", "", time.Now(), newEnvelope(t, ""))
	require.ErrorContains(t, err, "what is not set")
	_, err = bus.Encode("topic", "w/c", "id-1", "", time.Now(), &emptypb.Empty{})
	require.ErrorContains(t, err, "no oneof named what")
}
