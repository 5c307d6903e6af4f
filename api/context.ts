/** What the routes share: the dependencies, the documents' cache, who asked. */
import type { BegunTasks } from './begun-tasks.js';
import type { ApiDeps } from './deps.js';
import type { Identity } from './auth.js';
import type { Documents } from './views/documents.js';
import type { ApiRequest } from './http.js';

export interface ApiContext extends ApiDeps {
  readonly documents: Documents;
  readonly begun: BegunTasks;
  /** Who made this request; set by the authentication hook. */
  identityOf(request: ApiRequest): Identity;
}
