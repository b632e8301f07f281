"""Training of the predictors and the writer of grounded recipes."""
