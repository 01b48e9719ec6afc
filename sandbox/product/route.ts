import { authenticate } from "./authentication.ts";
import { claimOf, findAnswer, keepAnswer } from "./idempotency.ts";
import type { Product } from "./product.ts";
import { type RateClass, spend } from "./rate-limit.ts";

export type Route = {
  readonly method: "GET" | "POST";
  readonly path: string;
  answer(product: Product, request: ProductRequest): Promise<object>;
};

type ProductRequest = {
  readonly id: string;
  readonly path: string;
  readonly headers: Headers;
  readonly text: string;
};

export type Caller = { readonly requestId: string; readonly user: string };

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
    answer: async (product, request) =>
      work(product, {
        requestId: request.id,
        user: authenticate(product, request.headers.get("authorization")),
      }),
  };
}

/** Posted with a bearer token and a key; what the body holds does not matter. */
export function emptyPostRoute(
  path: string,
  work: (product: Product, caller: Caller) => Promise<object>,
): Route {
  return postRoute({ path, keyed: true, parse: () => undefined, work });
}

/**
 * Posted with a bearer token. The order is the contract: who asks, whether it was answered before, whether the body is
 * right, whether there is budget, and only then the work.
 */
export function postRoute<Body>(route: {
  readonly path: string;
  /** Without it a request is not protected against being sent twice. */
  readonly keyed: boolean;
  readonly parse: (text: string) => Body;
  readonly limit?: RateClass;
  work(product: Product, caller: Caller, body: Body): Promise<object>;
}): Route {
  return {
    method: "POST",
    path: route.path,
    async answer(product, request) {
      const user = authenticate(product, request.headers.get("authorization"));
      const claim = route.keyed
        ? claimOf({ ...request, method: "POST", user, key: request.headers.get("idempotency-key") })
        : undefined;
      const earlier = claim && (await findAnswer(product.database, claim));
      if (earlier !== undefined) return earlier;
      const body = route.parse(request.text);
      if (route.limit !== undefined) await spend(product.redis, route.limit, user);
      const answer = await route.work(product, { requestId: request.id, user }, body);
      if (claim !== undefined) await keepAnswer(product.database, claim, answer);
      return answer;
    },
  };
}
