package message

import (
	"fmt"
	"strings"
	"unicode/utf8"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

// group is identical drinks, as one line of the list: "2 × Flat white (Ana, Cem)".
type group struct {
	drink string // as the first of them typed it
	cups  int
	names []string
}

// groups puts identical drinks together, whatever their case and spacing, in the order in which they were first ordered.
func groups(orders []*runv1.Order, names Names) []*group {
	var list []*group
	byDrink := map[string]*group{}
	for _, order := range orders {
		key := strings.ToLower(strings.Join(strings.Fields(order.GetDrink()), " "))
		g := byDrink[key]
		if g == nil {
			g = &group{drink: strings.Join(strings.Fields(order.GetDrink()), " ")}
			byDrink[key] = g
			list = append(list, g)
		}
		quantity := cupsOf(order)
		g.cups += quantity
		name := names(order.GetUserId())
		if quantity > 1 {
			name = fmt.Sprintf("%s %d", name, quantity)
		}
		g.names = append(g.names, name)
	}
	return list
}

func (g *group) String() string {
	return fmt.Sprintf("%d × %s (%s)", g.cups, g.drink, strings.Join(g.names, ", "))
}

func cupsOf(order *runv1.Order) int { return max(1, int(order.GetQuantity())) }

func cups(orders []*runv1.Order) string {
	total := 0
	for _, order := range orders {
		total += cupsOf(order)
	}
	return plural(total, "cup", "cups")
}

// lines lists the orders within limit characters; what does not fit is counted: "and 12 more".
func lines(list []*group, limit int) string {
	const more = len("and 1000 more")
	var b strings.Builder
	left := limit
	for i, g := range list {
		line := cut(g.String(), maxSection/4)
		size := utf8.RuneCountInString(line) + 1
		if size > left-more && i < len(list)-1 || size > left {
			fmt.Fprintf(&b, "and %d more", len(list)-i)
			return b.String()
		}
		left -= size
		b.WriteString(line + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// pages lists all orders in full, in as many texts of at most limit characters as it takes, in order.
func pages(list []*group, limit int) []string {
	var all []string
	var b strings.Builder
	size := 0
	for _, g := range list {
		for _, line := range chunks(g.String(), limit) {
			n := utf8.RuneCountInString(line) + 1
			if size+n > limit && size > 0 {
				all = append(all, strings.TrimSuffix(b.String(), "\n"))
				b.Reset()
				size = 0
			}
			b.WriteString(line + "\n")
			size += n
		}
	}
	return append(all, strings.TrimSuffix(b.String(), "\n"))
}

// chunks cuts a line that is too long for any page (one drink that 300 people ordered).
func chunks(line string, limit int) []string {
	runes := []rune(line)
	var parts []string
	for len(runes) >= limit {
		parts = append(parts, string(runes[:limit-1]))
		runes = runes[limit-1:]
	}
	return append(parts, string(runes))
}
