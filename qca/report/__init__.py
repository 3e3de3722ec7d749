"""Render one self-contained HTML page about a run: charts, pictures, plan, host and journal.

Imports `qca.runs`, the closed form of `qca.memory` and `qca.core`; gets the host as plain data
(`host_section`). Needs the extra `report`, not torch.
"""
