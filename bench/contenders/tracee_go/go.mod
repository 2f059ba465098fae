module tracee_go

go 1.24.0

require (
	github.com/aquasecurity/tracee v0.24.1
	github.com/aquasecurity/tracee/types v0.0.0-20251205142631-7dc44bdb801c
)

replace github.com/aquasecurity/tracee/common => github.com/aquasecurity/tracee/common v0.0.0-20251208215525-5f898efde860
