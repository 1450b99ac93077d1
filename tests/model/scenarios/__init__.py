"""The scenarios of the model, one file each."""

from tests.model.scenario import Scenario
from tests.model.scenarios.backlog import Backlog
from tests.model.scenarios.batch import Batch
from tests.model.scenarios.border import Border
from tests.model.scenarios.broken import Broken
from tests.model.scenarios.certify import Certify
from tests.model.scenarios.copy import Copy
from tests.model.scenarios.epoch import Epoch
from tests.model.scenarios.events import Events
from tests.model.scenarios.find import Find
from tests.model.scenarios.findings import Findings
from tests.model.scenarios.gaps import Gaps
from tests.model.scenarios.load import Load
from tests.model.scenarios.lock import Lock
from tests.model.scenarios.overrun import Overrun, OverrunBelow
from tests.model.scenarios.raised import Raised
from tests.model.scenarios.ring import Ring
from tests.model.scenarios.scan import Scan
from tests.model.scenarios.shortcut import Renewed, Reused, Shortcut, Worn
from tests.model.scenarios.spaces import Spaces
from tests.model.scenarios.walled import Walled, WalledBelow
from tests.model.scenarios.writers import Writers

SCENARIOS: tuple[type[Scenario], ...] = (
    Epoch,
    Lock,
    Broken,
    Load,
    Find,
    Walled,
    WalledBelow,
    Overrun,
    OverrunBelow,
    Border,
    Raised,
    Shortcut,
    Reused,
    Worn,
    Renewed,
    Batch,
    Scan,
    Gaps,
    Writers,
    Copy,
    Backlog,
    Ring,
    Certify,
    Findings,
    Events,
    Spaces,
)
