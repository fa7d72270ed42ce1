package bus

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
)

// Encode makes the message that carries envelope: a protobuf whose `oneof what` says what it is about.
// It is an error when nothing is set there, or when it cannot be marshalled.
func Encode(topic, key, id, subject string, at time.Time, envelope proto.Message) (Message, error) {
	what := envelope.ProtoReflect().Descriptor().Oneofs().ByName("what")
	if what == nil {
		return Message{}, fmt.Errorf("encode %T: no oneof named what", envelope)
	}
	set := envelope.ProtoReflect().WhichOneof(what)
	if set == nil {
		return Message{}, fmt.Errorf("encode %T %s: what is not set", envelope, id)
	}
	value, err := proto.Marshal(envelope)
	if err != nil {
		return Message{}, fmt.Errorf("encode %T %s: %w", envelope, id, err)
	}
	return Message{
		Topic: topic, Key: key, ID: id, Type: string(set.Message().FullName()), Subject: subject, Time: at, Value: value,
	}, nil
}

// TypeOf is the ce_type of an envelope whose what is m: its full protobuf name.
func TypeOf(m proto.Message) string { return string(m.ProtoReflect().Descriptor().FullName()) }

// Decode reads a record's value into envelope. A value that is no such protobuf gets the record parked.
func Decode(r *Record, envelope proto.Message) error {
	if err := proto.Unmarshal(r.Value, envelope); err != nil {
		return fmt.Errorf("decode %s as %T: %w", r.Type, envelope, err)
	}
	return nil
}
