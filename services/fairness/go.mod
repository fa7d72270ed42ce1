module github.com/coffeebuddy/coffeebuddy/services/fairness

go 1.26.0

require (
	github.com/coffeebuddy/coffeebuddy/migrations v0.0.0
	github.com/coffeebuddy/coffeebuddy/pkg v0.0.0
	github.com/coffeebuddy/coffeebuddy/pkg/testkit v0.0.0
	github.com/coffeebuddy/coffeebuddy/proto v0.0.0
	github.com/google/uuid v1.6.0
	github.com/stretchr/testify v1.12.1
	pgregory.net/rapid v1.3.0
)

require go.yaml.in/yaml/v3 v3.0.6 // indirect

replace (
	github.com/coffeebuddy/coffeebuddy/migrations => ../../migrations
	github.com/coffeebuddy/coffeebuddy/pkg => ../../pkg
	github.com/coffeebuddy/coffeebuddy/pkg/testkit => ../../pkg/testkit
	github.com/coffeebuddy/coffeebuddy/proto => ../../proto
)
