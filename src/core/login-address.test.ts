import { describe, expect, test } from "vitest";

import { loginOf, withLogin } from "./login-address.ts";
import { Secret } from "./secret.ts";

describe("the login in an address", () => {
  test.each([
    ["postgresql+asyncpg://app_a:pa%2Fss@db:5432/app", "app_a", "pa/ss"],
    ["redis://:only@redis:6379/0", undefined, "only"],
    ["redis://redis:6379/0", undefined, undefined],
    ["redis://user@redis:6379/0", "user", undefined],
    ["rediss://user:with:colon@redis", "user", "with:colon"],
    ["postgresql://owner:100%@/app?host=/run/postgresql", "owner", "100%"],
  ])("of %s is read", (address, user, password) => {
    const login = loginOf(new Secret(address));
    expect(login.user).toBe(user);
    expect(login.password?.reveal()).toBe(password);
  });

  test.each([
    [
      "postgresql+asyncpg://a:b@db:5432/app?ssl=1",
      "postgresql+asyncpg://app_b:n%2Fw@db:5432/app?ssl=1",
    ],
    ["redis://redis:6379/0", "redis://app_b:n%2Fw@redis:6379/0"],
    ["postgresql://a:b@/app?host=/run/x@y", "postgresql://app_b:n%2Fw@/app?host=/run/x@y"],
  ])("of %s is replaced, and nothing else of it", (address, replaced) => {
    const login = { user: "app_b", password: new Secret("n/w") };
    expect(withLogin(new Secret(address), login).reveal()).toBe(replaced);
  });

  test("may be that of the default user", () => {
    const login = { user: undefined, password: new Secret("new") };
    expect(withLogin(new Secret("redis://:old@redis/0"), login).reveal()).toBe(
      "redis://:new@redis/0",
    );
  });

  test("is not looked for in what is no address, which is not quoted", () => {
    expect(() => loginOf(new Secret("hunter2"))).toThrow(/^(?!.*hunter2).*expected one such as/);
  });
});
