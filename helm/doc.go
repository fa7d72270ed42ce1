// Package helm has the tests of the chart in coffeebuddy/.
package helm
