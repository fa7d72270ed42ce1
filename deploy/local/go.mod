module github.com/coffeebuddy/coffeebuddy/deploy/local

go 1.26.0

require (
	github.com/coffeebuddy/coffeebuddy/migrations v0.0.0
	github.com/coffeebuddy/coffeebuddy/pkg v0.0.0
	github.com/coffeebuddy/coffeebuddy/pkg/slacksim v0.0.0
	github.com/coffeebuddy/coffeebuddy/pkg/testkit v0.0.0
	github.com/coffeebuddy/coffeebuddy/proto v0.0.0
)

require github.com/stretchr/testify v1.12.1 // indirect

replace (
	github.com/coffeebuddy/coffeebuddy/migrations => ../../migrations
	github.com/coffeebuddy/coffeebuddy/pkg => ../../pkg
	github.com/coffeebuddy/coffeebuddy/pkg/slacksim => ../../pkg/slacksim
	github.com/coffeebuddy/coffeebuddy/pkg/testkit => ../../pkg/testkit
	github.com/coffeebuddy/coffeebuddy/proto => ../../proto
)
