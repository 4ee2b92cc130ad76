"""Calls Marimba through OpenAI's package. Arguments: base URL, key, and in base64 the expected image and a mask for it."""

import sys
from base64 import b64decode

import openai

base_url, key, expected, mask = sys.argv[1:]
client = openai.OpenAI(base_url=base_url, api_key=key)
quick = {"seed": 7, "steps": 8, "diffusion_steps": 10}

answer = client.images.generate(prompt="a boat at sea", n=2, size="64x64", response_format="b64_json", extra_body=quick)
assert answer.data[0].b64_json == expected, "another image than POST /generate makes"
assert len(answer.data) == 2 and answer.data[0].revised_prompt == "boat", answer.data
assert answer.usage.output_tokens == 128, answer.usage
print("images")

# Seconds: previews come a quarter of a second apart at least, and take a tenth of the time at most.
slow = {"seed": 7, "steps": 64, "diffusion_steps": 300}
events = list(client.images.generate(prompt="boat", stream=True, partial_images=2, extra_body=slow))
types = [event.type for event in events]
assert types == ["image_generation.partial_image"] * 2 + ["image_generation.completed"], types
assert len({event.b64_json for event in events}) == 3
print("streams")

image, mask = b64decode(expected), b64decode(mask)
edited = client.images.edit(image=image, mask=mask, prompt="a cat", quality="low", extra_body=quick)
assert edited.data[0].revised_prompt == "cat" and edited.data[0].b64_json != expected
assert edited.quality == "low" and edited.background == "opaque" and edited.output_format == "png", edited
assert edited.usage.input_tokens_details.image_tokens == edited.usage.output_tokens_details.image_tokens == 64
again = list(client.images.edit(image=image, mask=mask, prompt="a cat", quality="low", stream=True, extra_body=quick))
assert [event.type for event in again] == ["image_edit.completed"], again
assert again[0].b64_json == edited.data[0].b64_json
print("edits")

varied = client.images.create_variation(image=image, n=2, size="128x128", extra_body={"strength": 0.3, **quick})
assert len(varied.data) == 2 and varied.size == "128x128", varied
print("variations")

models = list(client.models.list())
assert [model.id for model in models] == ["demo"], models
assert client.models.retrieve("demo") == models[0]
print("models")


def failure(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


error = failure(openai.BadRequestError, lambda: client.images.generate(prompt="a hart"))
assert error.code == "unknown_class" and error.param == "prompt", error.body
assert 'did you mean "heart"?' in error.message, error.message
failure(openai.NotFoundError, lambda: client.images.generate(prompt="star", model="dall-e-3"))
failure(openai.BadRequestError, lambda: client.images.generate(prompt="star", size="4096x4096"))
stranger = openai.OpenAI(base_url=base_url, api_key="sk-wrong")
error = failure(openai.AuthenticationError, lambda: stranger.images.generate(prompt="star"))
assert error.code == "unauthorized" and error.type == "authentication_error", error.body
print("errors")
