"""Shells round the way in for AWS Lambda: the environment, a call, the answer. They run anywhere with an event of Lambda's."""
