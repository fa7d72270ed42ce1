package topic_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/proto/topic"
)

// It must stay what it is: records that are there already would be in another partition than new ones.
func TestTheKeyOfAChannel(t *testing.T) {
	require.Equal(t, "T1/C1", topic.Key("T1", "C1"))
}
