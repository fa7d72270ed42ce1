module github.com/coffeebuddy/coffeebuddy/services/ingress

go 1.26.0

require (
	github.com/coffeebuddy/coffeebuddy/migrations v0.0.0
	github.com/coffeebuddy/coffeebuddy/pkg v0.0.0
	github.com/coffeebuddy/coffeebuddy/pkg/testkit v0.0.0
	github.com/coffeebuddy/coffeebuddy/proto v0.0.0
)

require (
	github.com/cenkalti/backoff/v5 v5.0.3 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/gorilla/websocket v1.5.3 // indirect
	github.com/labstack/echo/v4 v4.16.0 // indirect
	github.com/labstack/gommon v0.5.0 // indirect
	github.com/mattn/go-colorable v0.1.15 // indirect
	github.com/mattn/go-isatty v0.0.22 // indirect
	github.com/slack-go/slack v0.35.0 // indirect
	github.com/stretchr/testify v1.12.1 // indirect
	github.com/valyala/bytebufferpool v1.0.0 // indirect
	github.com/valyala/fasttemplate v1.2.2 // indirect
	golang.org/x/crypto v0.57.0 // indirect
	golang.org/x/net v0.59.0 // indirect
	golang.org/x/sync v0.23.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
	golang.org/x/text v0.42.0 // indirect
)

replace (
	github.com/coffeebuddy/coffeebuddy/migrations => ../../migrations
	github.com/coffeebuddy/coffeebuddy/pkg => ../../pkg
	github.com/coffeebuddy/coffeebuddy/pkg/testkit => ../../pkg/testkit
	github.com/coffeebuddy/coffeebuddy/proto => ../../proto
)
