module github.com/coffeebuddy/coffeebuddy/deploy/local

go 1.26.0

require (
	github.com/coffeebuddy/coffeebuddy/migrations v0.0.0
	github.com/coffeebuddy/coffeebuddy/pkg v0.0.0
	github.com/coffeebuddy/coffeebuddy/pkg/slacksim v0.0.0
	github.com/coffeebuddy/coffeebuddy/pkg/testkit v0.0.0
	github.com/coffeebuddy/coffeebuddy/proto v0.0.0
)

require (
	github.com/chromedp/cdproto v0.159.0 // indirect
	github.com/chromedp/chromedp v0.23.0 // indirect
	github.com/go-json-experiment/json v0.0.0-20260213210345-44df1a37e875 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/pgx/v5 v5.12.0 // indirect
	github.com/stretchr/testify v1.12.1 // indirect
	go.opentelemetry.io/proto/otlp v1.11.0 // indirect
	golang.org/x/text v0.42.0 // indirect
)

replace (
	github.com/coffeebuddy/coffeebuddy/migrations => ../../migrations
	github.com/coffeebuddy/coffeebuddy/pkg => ../../pkg
	github.com/coffeebuddy/coffeebuddy/pkg/slacksim => ../../pkg/slacksim
	github.com/coffeebuddy/coffeebuddy/pkg/testkit => ../../pkg/testkit
	github.com/coffeebuddy/coffeebuddy/proto => ../../proto
)
