import type { paths } from "./generated/api.js";

export type Method = "get" | "post" | "patch" | "put" | "delete";

/** The paths that have a method. */
export type PathsWith<M extends Method> = {
  [P in keyof paths]: paths[P][M] extends { responses: unknown } ? P : never;
}[keyof paths];

type Operation<M extends Method, P extends keyof paths> = NonNullable<paths[P][M]>;

type Content<R> = R extends { content: infer C } ? (C extends { "application/json": infer B } ? B : Blob) : undefined;
type Success<O> = O extends { responses: infer R } ? Content<R[keyof R & (200 | 201 | 202 | 204)]> : never;

/** What a call returns: `data` of the envelope; the whole body of the two answers that have no `data`; a file as a Blob. */
export type Result<M extends Method, P extends keyof paths> =
  Success<Operation<M, P>> extends infer B ? (B extends { data: infer D } ? D : B) : never;

type Parameters<O, Where extends string> = O extends { parameters: infer A }
  ? Where extends keyof A
    ? NonNullable<A[Where]>
    : never
  : never;

type Body<O> = O extends { requestBody?: infer R }
  ? NonNullable<R> extends { content: infer C }
    ? C extends { "multipart/form-data": unknown }
      ? FormData
      : C extends { "application/json": infer B }
        ? B
        : never
    : never
  : never;

/** A part of the options: absent where there is nothing, optional where everything in it is. */
type Part<Name extends string, T> = [T] extends [never]
  ? { [K in Name]?: undefined }
  : Record<string, never> extends T
    ? { [K in Name]?: T }
    : { [K in Name]: T };

export interface RequestOptions {
  /** Sent as `Idempotency-Key` where the operation takes one; made anew for each call unless given. */
  idempotencyKey?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export type Options<M extends Method, P extends keyof paths> = RequestOptions &
  Part<"path", Parameters<Operation<M, P>, "path">> &
  Part<"query", Parameters<Operation<M, P>, "query">> &
  Part<"body", Body<Operation<M, P>>>;

/** Options may be left out where none is required. */
export type OptionArguments<M extends Method, P extends keyof paths> =
  Record<string, never> extends Options<M, P> ? [options?: Options<M, P>] : [options: Options<M, P>];
