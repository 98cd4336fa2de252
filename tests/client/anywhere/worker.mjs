import { gate } from "./gate.mjs";

export default {
  async fetch(request) {
    return Response.json(await gate(await request.json()));
  },
};
