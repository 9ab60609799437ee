"""Asks AWS services and prints the answers: a list of {"service", "operation", "parameters"} comes
in on standard input, the list of what boto3 answers goes out, an error as {"Error": {"Code", "Message"}}.
"""

import json
import sys

import boto3
from botocore.exceptions import ClientError


def answer(request):
    client = boto3.client(request["service"])
    try:
        return getattr(client, request["operation"])(**request["parameters"] or {})
    except ClientError as error:
        return {"Error": error.response["Error"]}


json.dump([answer(request) for request in json.load(sys.stdin)], sys.stdout, default=str)
