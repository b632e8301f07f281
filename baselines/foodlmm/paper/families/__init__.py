"""From a record of a dataset to a conversation about its picture; one module for each kind of dataset."""
