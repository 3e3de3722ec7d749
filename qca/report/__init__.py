"""Render one self-contained HTML page about a run: charts, pictures, plan, host and journal.

It imports `qca.runs`, the closed form of `qca.memory`, and `qca.core`; the host is passed in as
plain data (`host_section`). It needs the `report` extra, but not torch.
"""
