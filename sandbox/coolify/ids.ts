/** The uuids that ops/sandbox.yaml names; real ones look the same. */
export const ids = {
  project: "kc4wg0c8ss4wo8kkgk0o4wsc",
  production: "ysk8w4gc0o8wkc0ksw4gowcs",
  staging: "zgo0wsk4c8gw8k4ocw0sgk4c",
  server: "rw4cos8kgg0wkc4s8ok0wgs4",
  api: "h8gk4o8w0cs4ggk0wo8o4so8",
  worker: "m4wcs0gkw8ko4sc0gok8wc4s",
  stagingApi: "q0k8cw4gso8wg4kcs0ow8gk4",
  stagingWorker: "t8sgo4wk0cwo8kg4sc0kw8og",
  postgres: "b4ko8wsg0ckw4gos8cw0gk8s",
  redis: "d0wgk4c8ow4sgk8o0cwk4sg8",
  stagingPostgres: "f8cso0kw4gw8sko4cg0wk8sc",
  stagingRedis: "j4gw8k0sco4kwg8cs0ok4wg8",
} as const;
