"""What no sweep needs any more.

`finding` lists what lies in a store, `needs` asks its `users`, `registered` asks MLflow's registry, `removal` removes, `verb`
is the command.
"""
