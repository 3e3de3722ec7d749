"""One self-contained HTML page about a run: charts, pictures, the plan, the host, the journal.

May import `qca.runs`, the closed form of `qca.memory` and `qca.core`; the host comes in as plain
data (`host_section`). Needs the extra `report`, not torch.
"""
