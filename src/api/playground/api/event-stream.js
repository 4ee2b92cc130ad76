/**
 * Reads server-sent events from a fetched body, which, unlike EventSource, can send a key. Yields `{id, name, data}`; comments
 * and `retry` are passed over. An event that the end cuts off is dropped, as the HTML standard says.
 */
export async function* readEvents(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let event = newEvent();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      // A carriage return at the very end may have its line feed still to come.
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
