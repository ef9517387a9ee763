package deptest

import (
	"fmt"
	"strings"
)

// unit returns the group of packages that p, a path relative to the module,
// belongs to, and the floor that the group is on. Packages of one group may
// import each other; others only what is on a lower floor.
func unit(p string) (name string, floor int, err error) {
	parts := strings.Split(p, "/")
	switch parts[0] {
	case "internal":
		return "internal", 0, nil
	case "mask", "identity":
		return parts[0], 1, nil
	case "protocol":
		if len(parts) == 1 || parts[1] == "internal" {
			return "protocol", 2, nil
		}
		return "protocol/" + parts[1], 3, nil
	case "recorder", "approve":
		return parts[0], 3, nil
	case "proxy", "replay":
		return parts[0], 4, nil
	case "examples":
		if len(parts) > 1 {
			return "examples/" + parts[1], 5, nil
		}
		return "examples", 5, nil
	case "bench":
		return "bench", 5, nil
	}
	return "", 0, fmt.Errorf("%s is on no floor; give it one in internal/deptest and in docs/architecture.md", p)
}

// workshop are packages under internal that only examples, benchmarks and
// kits may import: the library does not start servers.
var workshop = []string{"internal/pgserver", "internal/sshserver", "internal/deptest"}

// Floors returns where packages of the module import what they may not. What
// tests import is not looked at.
func Floors(module string, packages []Package) []string {
	var wrong []string
	for _, p := range packages {
		if p.ImportPath == module { // the root is an overview in comments
			if len(p.Imports) > 0 {
				wrong = append(wrong, fmt.Sprintf("the root package imports %v; it may import nothing", p.Imports))
			}
			continue
		}
		from, ok := strings.CutPrefix(p.ImportPath, module+"/")
		if !ok || p.ForTest != "" {
			continue
		}
		fromUnit, fromFloor, err := unit(from)
		if err != nil {
			wrong = append(wrong, err.Error())
			continue
		}
		for _, imported := range p.Imports {
			if imported == module {
				wrong = append(wrong, fmt.Sprintf("%s imports the root package, which holds nothing", from))
				continue
			}
			to, ok := strings.CutPrefix(imported, module+"/")
			if !ok || IsKit(from) {
				continue
			}
			toUnit, toFloor, err := unit(to)
			switch {
			case err != nil:
				wrong = append(wrong, err.Error())
			case IsKit(to):
				wrong = append(wrong, fmt.Sprintf("%s imports %s, which is for tests", from, to))
			case fromFloor < 5 && inWorkshop(to) && !inWorkshop(from):
				wrong = append(wrong, fmt.Sprintf("%s imports %s, which is for tests, benchmarks and examples", from, to))
			case fromUnit == toUnit:
			case toFloor == fromFloor:
				wrong = append(wrong, fmt.Sprintf("%s imports its sibling %s", from, to))
			case toFloor > fromFloor:
				wrong = append(wrong, fmt.Sprintf("%s imports %s, which is on a higher floor", from, to))
			}
		}
	}
	return wrong
}

func inWorkshop(p string) bool {
	for _, w := range workshop {
		if within(p, w) {
			return true
		}
	}
	return false
}

// Library returns those packages that users of the library import or that those import:
// all of the module but examples, benchmarks, kits and the workshop.
func Library(module string, packages []Package) []Package {
	var list []Package
	for _, p := range packages {
		rel, ok := strings.CutPrefix(p.ImportPath, module+"/")
		if !ok || p.ForTest != "" || IsKit(rel) || inWorkshop(rel) || within(rel, "examples") || within(rel, "bench") {
			continue
		}
		list = append(list, p)
	}
	return list
}

// Links returns which of the forbidden packages, or packages below them, the
// given ones link.
func Links(packages []Package, forbidden ...string) []string {
	var wrong []string
	for _, p := range packages {
		for _, dep := range p.Deps {
			for _, f := range forbidden {
				if within(dep, f) {
					wrong = append(wrong, fmt.Sprintf("%s links %s", p.ImportPath, dep))
				}
			}
		}
	}
	return wrong
}

// Cgo returns the packages outside the standard library that need cgo.
func Cgo(packages []Package) []string {
	var wrong []string
	for _, p := range packages {
		if !p.Standard && len(p.CgoFiles) > 0 {
			wrong = append(wrong, fmt.Sprintf("%s needs cgo: %v", p.ImportPath, p.CgoFiles))
		}
	}
	return wrong
}
