"""What a run tells: how far it is (`standing`), and one self-contained HTML page about it.

The page needs the extra `report`; nothing here needs torch.
"""
