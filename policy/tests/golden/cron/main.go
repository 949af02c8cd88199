// Golden values for policy/src/cron: what Velero's two cron libraries make of the lines of expressions.txt.
//
//	cd policy/tests/golden/cron && go run . < expressions.txt > golden.json
//
// Velero up to 1.18.2 parses with robfig/cron, from 1.18.3 on with netresearch/go-cron; go.mod pins the versions that it pins.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"
	_ "time/tzdata"

	newer "github.com/netresearch/go-cron"
	older "github.com/robfig/cron/v3"
)

// Instants from which next runs are asked for: around the changes of the clocks in the zones of expressions.txt, at the
// end of a year, and before a leap day.
var starts = []string{
	"2026-01-01T00:00:00Z",
	"2026-03-08T05:30:15Z",
	"2026-03-28T23:10:00Z",
	"2026-10-24T22:30:00Z",
	"2026-11-01T04:45:00Z",
	"2027-12-31T23:59:59Z",
	"2018-11-03T12:00:00Z",
}

const runs = 4

type schedule interface{ Next(time.Time) time.Time }

type reading struct {
	Refused bool       `json:"refused,omitempty"`
	Next    [][]string `json:"next,omitempty"`
}

type line struct {
	Expression string  `json:"expression"`
	Older      reading `json:"older"`
	Newer      reading `json:"newer"`
}

func read(parse func(string) (schedule, error), expression string) (out reading) {
	// Velero catches the library's panics and calls the schedule invalid, too.
	defer func() {
		if recover() != nil {
			out = reading{Refused: true}
		}
	}()
	parsed, err := parse(expression)
	if err != nil {
		return reading{Refused: true}
	}
	for _, text := range starts {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			panic(err)
		}
		next := []string{}
		for range runs {
			at = parsed.Next(at)
			if at.IsZero() {
				break
			}
			next = append(next, at.UTC().Format(time.RFC3339))
		}
		out.Next = append(out.Next, next)
	}
	return out
}

func main() {
	// A server in a container lives in UTC.
	time.Local = time.UTC
	out := struct {
		Starts []string `json:"starts"`
		Lines  []line   `json:"lines"`
	}{Starts: starts}
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		var expression string
		if err := json.Unmarshal(input.Bytes(), &expression); err != nil {
			fmt.Fprintf(os.Stderr, "%q is no JSON text: %v\n", input.Text(), err)
			os.Exit(1)
		}
		out.Lines = append(out.Lines, line{
			Expression: expression,
			Older:      read(func(s string) (schedule, error) { return older.ParseStandard(s) }, expression),
			Newer:      read(func(s string) (schedule, error) { return newer.ParseStandard(s) }, expression),
		})
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	fmt.Print("{\"starts\": ")
	_ = encoder.Encode(out.Starts)
	fmt.Println(", \"lines\": [")
	for at, line := range out.Lines {
		if at > 0 {
			fmt.Print(",")
		}
		_ = encoder.Encode(line)
	}
	fmt.Println("]}")
}
