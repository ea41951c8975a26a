import { fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";

/** A set of descriptors, by file and by the full name of everything in them. */
export class DescriptorIndex {
  /** Full names of the services, in the order of the files. */
  readonly services: string[] = [];
  readonly #files = new Map<string, { imports: readonly string[]; bytes: Buffer }>();
  readonly #fileOfSymbol = new Map<string, string>();

  /** @param set bytes of a `google.protobuf.FileDescriptorSet`. */
  constructor(set: Uint8Array) {
    for (const file of fromBinary(FileDescriptorSetSchema, set).file) this.#add(file);
  }

  /**
   * Descriptors of a file and of all that it imports, the file itself first: clients that
   * keep what they know ask for nothing twice.
   */
  file(name: string): Buffer[] | undefined {
    return this.#files.has(name) ? [...this.#closure(name, new Map()).values()] : undefined;
  }

  /** The same for the file that declares a symbol, for example `weir.v1.Endpoint.weight`. */
  fileOf(symbol: string): Buffer[] | undefined {
    const name = this.#fileOfSymbol.get(symbol);
    return name === undefined ? undefined : this.file(name);
  }

  #closure(name: string, found: Map<string, Buffer>): Map<string, Buffer> {
    const file = this.#files.get(name);
    if (file === undefined || found.has(name)) return found;
    found.set(name, file.bytes);
    for (const imported of file.imports) this.#closure(imported, found);
    return found;
  }

  #add(file: FileDescriptorProto): void {
    const bytes = Buffer.from(toBinary(FileDescriptorProtoSchema, file));
    this.#files.set(file.name, { imports: file.dependency, bytes });
    for (const message of file.messageType) this.#addMessage(file.package, message, file.name);
    this.#addNames(file.package, [...file.enumType, ...file.extension], file.name);
    for (const service of file.service) {
      const name = `${file.package}.${service.name}`;
      this.services.push(name);
      this.#fileOfSymbol.set(name, file.name);
      this.#addNames(name, service.method, file.name);
    }
  }

  #addMessage(scope: string, message: DescriptorProto, file: string): void {
    const name = `${scope}.${message.name}`;
    this.#fileOfSymbol.set(name, file);
    const { field, extension, oneofDecl, enumType } = message;
    this.#addNames(name, [...field, ...extension, ...oneofDecl, ...enumType], file);
    for (const nested of message.nestedType) this.#addMessage(name, nested, file);
  }

  #addNames(scope: string, named: readonly { readonly name: string }[], file: string): void {
    for (const { name } of named) this.#fileOfSymbol.set(`${scope}.${name}`, file);
  }
}
