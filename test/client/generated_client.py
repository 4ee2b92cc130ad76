"""Calls Marimba through a client that openapi-python-client made. Arguments: address, key, the expected image in base64."""

import sys
from base64 import b64encode

from marimba_client import AuthenticatedClient
from marimba_client.api.generate import generate
from marimba_client.api.jobs import cancel_job, get_image, get_job
from marimba_client.api.models import list_classes, list_models
from marimba_client.models import GenerateRequest, GenerateRequestResponseFormat, JobState, Problem, ProblemCode

address, key, expected = sys.argv[1:]
client = AuthenticatedClient(base_url=address, token=key, timeout=120)
quick = {"seed": 7, "steps": 8, "diffusion_steps": 10}

body = GenerateRequest(class_="boat", response_format=GenerateRequestResponseFormat.BASE64, **quick)
job = generate.sync(client=client, body=body, prefer="wait=100", idempotency_key="python")
assert job.state == JobState.COMPLETED and job.seed == 7 and job.parameters.class_name == "boat", job
assert job.images[0].base64 == expected, "another image than the server's own"
assert job.timing.total_ms > 0
print("generates")

assert get_job.sync(job.id, client=client).id == job.id
image = get_image.sync_detailed(job.id, 0, client=client)
assert image.status_code == 200 and b64encode(image.content).decode() == expected
print("jobs")

slow = generate.sync(client=client, body=GenerateRequest(class_=None, steps=64, diffusion_steps=1000))
assert slow.state in (JobState.QUEUED, JobState.RUNNING), slow
assert cancel_job.sync(slow.id, client=client).state == JobState.CANCELLED
print("cancels")

models = list_models.sync(client=client)
assert models.default == "demo" and [model.id for model in models.models] == ["demo"]
assert [c.name for c in list_classes.sync("demo", client=client, query="mus").classes] == ["mushroom"]
print("models")

problem = generate.sync(client=client, body=GenerateRequest(class_="hart"))
assert isinstance(problem, Problem) and problem.code == ProblemCode.UNKNOWN_CLASS, problem
assert problem.errors[0].pointer == "/class", problem
stranger = AuthenticatedClient(base_url=address, token="wrong")
assert list_models.sync(client=stranger).code == ProblemCode.UNAUTHORIZED
print("problems")
