declare module "intervalidate/engine.wasm?url" {
  const url: string;
  export default url;
}
