/**
 * Reads server-sent events from the body of a fetch, because EventSource cannot send a key. Yields `{id, name, data}`;
 * ignores comments and `retry`. Drops an event that the end of the stream cuts off, as the HTML standard requires.
 */
export async function* readEvents(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let event = newEvent();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      // The line feed of a carriage return at the very end may still be to come.
      const lines = (rest + value).split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop();
      for (const line of lines) {
        if (line !== "") {
          readLine(line, event);
          continue;
        }
        if (event.data.length > 0) yield { id: event.id, name: event.name, data: event.data.join("\n") };
        event = newEvent();
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function newEvent() {
  return { id: undefined, name: "message", data: [] };
}

function readLine(line, event) {
  const colon = line.indexOf(":");
  if (colon === 0) return;
  const field = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
  if (field === "event") event.name = value;
  else if (field === "data") event.data.push(value);
  else if (field === "id") event.id = value;
}
