"""The host and its containers: facts, findings, plan, compose document, launch.

Never imports torch.
"""
