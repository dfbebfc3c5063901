"""Published verdicts replayed: one file per data set, each a function from its folder to what was found."""
