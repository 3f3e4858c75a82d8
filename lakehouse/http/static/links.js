import { linkServices } from "/shared/services.js";
linkServices().catch(() => {});
