/** Loaded by `--import`: this process believes that it is another time, as on a machine whose clock is off. */
const offMs = Number(process.env["CLOCK_OFF_MS"] ?? "0");
const clock = Date;

globalThis.Date = new Proxy(clock, {
  construct: (target, values: [], made) =>
    Reflect.construct(target, values.length === 0 ? [target.now() + offMs] : values, made) as Date,
  get: (target, name, receiver) =>
    name === "now" ? () => target.now() + offMs : (Reflect.get(target, name, receiver) as unknown),
});
