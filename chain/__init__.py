"""Chains: the commands of the other packages in one recipe, each run when it has something to do."""
