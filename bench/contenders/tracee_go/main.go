// Runs Tracee's own IllegitimateShell on JSON lines.
//
// The signature is a package main in Tracee v0.24.1: made to be loaded as a Go plugin, not to be
// imported. So it is built as that plugin, from the module as it was released, and loaded as Tracee
// loads it; the host here does what Tracee's engine does with an event.
//
//	host PLUGIN find FILE            prints the timestamp of each finding's event
//	host PLUGIN bench-events FILE N  prints ns per event of OnEvent, by Go's benchmark, on N events
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"plugin"
	"strconv"
	"testing"

	"github.com/aquasecurity/tracee/types/detect"
	"github.com/aquasecurity/tracee/types/protocol"
	"github.com/aquasecurity/tracee/types/trace"
)

const (
	signatureID = "TRC-1016"
	longestLine = 16 << 20
)

func main() {
	if len(os.Args) < 3 {
		log.Fatal("usage: host PLUGIN find|bench-events ...")
	}
	signature := load(os.Args[1])
	switch os.Args[2] {
	case "find":
		out := bufio.NewWriter(os.Stdout)
		defer out.Flush()
		find(signature, os.Args[3], out)
	case "bench-events":
		count, err := strconv.Atoi(os.Args[4])
		check(err)
		fmt.Println(benchEvents(signature, os.Args[3], count))
	}
}

// load opens the plugin and takes the one signature out of it.
func load(path string) detect.Signature {
	opened, err := plugin.Open(path)
	check(err)
	symbol, err := opened.Lookup("ExportedSignatures")
	check(err)
	for _, signature := range *symbol.(*[]detect.Signature) {
		metadata, err := signature.GetMetadata()
		check(err)
		if metadata.ID == signatureID {
			return signature
		}
	}
	log.Fatalf("%s is not in %s", signatureID, path)
	return nil
}

// find feeds each line to the signature, by selector as Tracee's engine does.
func find(signature detect.Signature, path string, out io.Writer) {
	check(signature.Init(detect.SignatureContext{Callback: func(finding *detect.Finding) {
		fmt.Fprintln(out, finding.Event.Payload.(trace.Event).Timestamp)
	}}))
	selected := map[detect.SignatureEventSelector]bool{}
	selectors, err := signature.GetSelectedEvents()
	check(err)
	for _, selector := range selectors {
		selected[selector] = true
	}
	eachEvent(path, func(event protocol.Event) bool {
		selector := event.Headers.Selector
		for _, name := range []string{selector.Name, "*"} {
			for _, origin := range []string{selector.Origin, "*"} {
				if selected[detect.SignatureEventSelector{Source: selector.Source, Name: name, Origin: origin}] {
					check(signature.OnEvent(event))
				}
			}
		}
		return true
	})
}

// benchEvents measures OnEvent on decoded events, the same ones again and again.
func benchEvents(signature detect.Signature, path string, count int) float64 {
	var events []protocol.Event
	eachEvent(path, func(event protocol.Event) bool {
		events = append(events, event)
		return len(events) < count
	})
	findings := 0
	check(signature.Init(detect.SignatureContext{Callback: func(*detect.Finding) { findings++ }}))
	result := testing.Benchmark(func(b *testing.B) {
		for left := b.N; left > 0; left -= len(events) {
			for _, event := range events[:min(left, len(events))] {
				_ = signature.OnEvent(event)
			}
		}
	})
	return float64(result.T.Nanoseconds()) / float64(result.N)
}

func eachEvent(path string, take func(protocol.Event) bool) {
	file, err := os.Open(path)
	check(err)
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(make([]byte, 1<<20), longestLine)
	for lines.Scan() {
		var event trace.Event
		check(json.Unmarshal(lines.Bytes(), &event))
		if !take(event.ToProtocol()) {
			return
		}
	}
	check(lines.Err())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
