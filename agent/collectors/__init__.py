"""Where an agent's facts come from: the contract, the collectors of our own, and the desk that asks them all."""
