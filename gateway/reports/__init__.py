"""What can be learnt from audit events."""
