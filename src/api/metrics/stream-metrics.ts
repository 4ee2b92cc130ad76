import { Gauge, type Registry } from "prom-client";
import type { EventStreams } from "../events/event-streams.js";

export function addStreamMetrics(registry: Registry, streams: Pick<EventStreams, "size">): void {
  new Gauge({
    name: "marimba_event_streams",
    help: "Event streams that are open now.",
    registers: [registry],
    collect() {
      this.set(streams.size);
    },
  });
}
