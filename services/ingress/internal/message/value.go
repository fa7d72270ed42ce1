package message

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

// AssignmentValue is what a button about an assignment carries: what is said of another number changes nothing.
type AssignmentValue struct {
	RunID string
	No    uint32
	User  string // who offered to go instead; empty: nobody
}

func assignmentOf(run *runv1.Run) AssignmentValue {
	return AssignmentValue{RunID: run.GetId(), No: run.GetAssignment().GetAssignmentNo()}
}

func (v AssignmentValue) String() string {
	text := fmt.Sprintf("%s:%d", v.RunID, v.No)
	if v.User != "" {
		text += ":" + v.User
	}
	return text
}

// ParseAssignmentValue reads what String wrote.
func ParseAssignmentValue(text string) (v AssignmentValue, ok bool) {
	parts := strings.SplitN(text, ":", 3)
	if len(parts) < 2 || uuid.Validate(parts[0]) != nil {
		return v, false
	}
	no, err := strconv.ParseUint(parts[1], 10, 32)
	v.RunID, v.No = parts[0], uint32(no)
	if len(parts) == 3 {
		v.User = parts[2]
	}
	return v, err == nil
}

// LaterValue is what "+5 min" carries: the pickup that the person saw, so that two people press it once.
type LaterValue struct {
	RunID  string
	Pickup time.Time
}

func (v LaterValue) String() string { return fmt.Sprintf("%s:%d", v.RunID, v.Pickup.UnixMicro()) }

// ParseLaterValue reads what String wrote.
func ParseLaterValue(text string) (v LaterValue, ok bool) {
	id, at, _ := strings.Cut(text, ":")
	micros, err := strconv.ParseInt(at, 10, 64)
	return LaterValue{RunID: id, Pickup: time.UnixMicro(micros)}, err == nil && uuid.Validate(id) == nil
}
