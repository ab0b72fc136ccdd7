"""What one process has to report."""

from digitserve_serving.metrics import families
from digitserve_serving.metrics.families import Snapshot
from digitserve_serving.models import Models, State


def snapshot_of(models: Models) -> Snapshot:
    """Everything that is counted in this process, and how it stands now. Safe for threads."""
    found = models.calls.snapshot()
    found[families.PROCESSES.name, ()] = [1]
    found[families.RESTARTS.name, ()] = [0]
    for entry in models.list():
        model = (entry.name, entry.version)
        for state in State:
            found[families.STATES.name, (*model, state.value)] = [float(entry.state is state)]
        if entry.ready:
            found[families.QUEUED.name, model] = [entry.ready.batcher.queued_rows]
            found |= entry.ready.observations.snapshot() if entry.ready.observations else {}
    return found
