import { IsInt, IsString, Matches, Max, Min } from 'class-validator';
import { Doc, Nested } from '../../config/field.decorator.js';

const HOST = /^(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::\d{1,5})?$/;

/** Which images and files the gateway reads itself. */
export class MediaFetchConfig {
  @Doc(
    'Hosts from which images and files are read here and sent inline, over https only: `images.example.com`, `*.example.com` for the names below it, with a port where it is not 443. Those of all other public hosts are left for Google to read. Addresses that are not public are never read.',
  )
  @IsString({ each: true })
  @Matches(HOST, { each: true })
  allowHosts: string[] = [];

  @Doc('Most bytes of all that one request names.')
  @IsInt()
  @Min(1)
  @Max(104_857_600)
  maxBytes: number = 20_971_520;

  @Doc('Longest time in which all that one request names is read.')
  @IsInt()
  @Min(1)
  timeoutMs: number = 10_000;
}

/** What the OpenAI surface may do. */
export class OpenAiApiConfig {
  static readonly section = 'openai';

  @Doc('Images and files by URL.')
  @Nested(() => MediaFetchConfig)
  imageFetch: MediaFetchConfig = new MediaFetchConfig();
}
