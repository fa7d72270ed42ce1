// Package e2e tests the service binaries as they are shipped: people act in the Slack simulator, and the tests read
// what people would read, also while services, broker and database are killed.
package e2e
