import { authenticate } from "./authentication.ts";
import { claimOf, findAnswer, keepAnswer } from "./idempotency.ts";
import type { Product } from "./product.ts";
import { type RateClass, spend } from "./rate-limit.ts";

export type Route = {
  readonly method: "GET" | "POST" | "PATCH";
  readonly path: string;
  answer(product: Product, request: ProductRequest): Promise<object>;
};

type ProductRequest = {
  readonly id: string;
  readonly path: string;
  /** What stands in the path where the route has a name. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: Headers;
  readonly text: string;
};

export type Caller = Pick<ProductRequest, "parameters" | "query"> & {
  readonly requestId: string;
  readonly user: string;
};

/** Anyone may ask. */
export function openRoute(method: Route["method"], path: string, work: Route["answer"]): Route {
  return { method, path, answer: work };
}

/** Asked with a bearer token, changes nothing. */
export function readRoute(
  path: string,
  work: (product: Product, caller: Caller) => Promise<object>,
): Route {
  return {
    method: "GET",
    path,
    answer: async (product, request) => work(product, callerOf(product, request)),
  };
}

/** Posted with a bearer token and a key; what the body holds does not matter. */
export function emptyPostRoute(
  path: string,
  work: (product: Product, caller: Caller) => Promise<object>,
): Route {
  return postRoute({ path, keyed: true, parse: () => undefined, work });
}

type BodyRoute<Body> = {
  readonly path: string;
  /** Without it a request is not protected against being sent twice. */
  readonly keyed: boolean;
  readonly parse: (text: string) => Body;
  readonly limit?: RateClass;
  work(product: Product, caller: Caller, body: Body): Promise<object>;
};

export function postRoute<Body>(route: BodyRoute<Body>): Route {
  return bodyRoute("POST", route);
}

export function patchRoute<Body>(route: Omit<BodyRoute<Body>, "keyed">): Route {
  return bodyRoute("PATCH", { ...route, keyed: true });
}

/**
 * Sent with a bearer token and a body. The order is the contract: who asks, whether it was answered before, whether the
 * body is right, whether there is budget, and only then the work.
 */
function bodyRoute<Body>(method: "POST" | "PATCH", route: BodyRoute<Body>): Route {
  return {
    method,
    path: route.path,
    async answer(product, request) {
      const caller = callerOf(product, request);
      const { user } = caller;
      const claim = route.keyed
        ? claimOf({ ...request, method, user, key: request.headers.get("idempotency-key") })
        : undefined;
      const earlier = claim && (await findAnswer(product.database, claim));
      if (earlier !== undefined) return earlier;
      const body = route.parse(request.text);
      if (route.limit !== undefined) await spend(product.redis, route.limit, user);
      const answer = await route.work(product, caller, body);
      if (claim !== undefined) await keepAnswer(product.database, claim, answer);
      return answer;
    },
  };
}

function callerOf(product: Product, request: ProductRequest): Caller {
  const user = authenticate(product, request.headers.get("authorization"));
  return { requestId: request.id, user, parameters: request.parameters, query: request.query };
}
