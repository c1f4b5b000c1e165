/** The types of `msgpackr/pack`: those it ships point to a file that ECMAScript modules do not find. */
declare module "msgpackr/pack" {
  export { Packr } from "msgpackr";
}
