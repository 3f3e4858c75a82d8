"""Card fraud on Spark: the online learner, the join with the truth, training sets, training."""
