"""All metrics of one process."""

from digitserve_serving.metrics import families
from digitserve_serving.metrics.families import Snapshot, lasting
from digitserve_serving.models import Entry, Models, State


def snapshot_of(models: Models) -> Snapshot:
    """Everything that is counted in this process, and how it stands now. Safe for threads."""
    found = models.calls.snapshot()
    found[families.PROCESSES.name, ()] = [1]
    found[families.RESTARTS.name, ()] = [0]
    found[families.UNREAD.name, ()] = [float(models.failed_looks)]
    for entry in models.list():
        if entry.state is not State.UNLOADED:
            found |= _state_of(entry, is_default=models.is_default_version(entry))
    loaded = [ready.observations for entry in models.list() if (ready := entry.ready)]
    for observations in models.observations():
        counted = observations.snapshot()
        found |= counted if observations in loaded else lasting(counted)
    return found | (models.shadow.snapshot() if models.shadow else {})


def _state_of(entry: Entry, *, is_default: bool) -> Snapshot:
    model = (entry.name, entry.version)
    found: Snapshot = {
        (families.STATES.name, (*model, state.value)): [float(entry.state is state)]
        for state in State
        if state is not State.UNLOADED
    }
    if ready := entry.ready:
        found[families.QUEUED.name, model] = [ready.batcher.queued_rows]
        found[families.DEFAULTS.name, model] = [float(is_default)]
    return found
