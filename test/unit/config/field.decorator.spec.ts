import { IsInt, ValidateNested } from 'class-validator';
import { describe, expect, it } from '@jest/globals';
import { Doc, fieldsOf, MapOf, Nested } from '../../../src/config/field.decorator.js';

class Base {
  @Doc('How long.')
  @IsInt()
  waitMs: number = 1;
}

describe('fieldsOf', () => {
  it('knows inherited fields and later declared classes', () => {
    class Owner extends Base {
      @Doc('Others by name.')
      @MapOf(() => Later)
      others: Record<string, Later> = {};
    }
    class Later extends Base {}
    const fields = fieldsOf(Owner);
    expect([...fields.keys()]).toEqual(['waitMs', 'others']);
    expect(fields.get('waitMs')).toMatchObject({ declaredType: Number, description: 'How long.' });
    expect(fields.get('others')?.shape).toEqual({ kind: 'map', type: Later });
    expect([...fieldsOf(Base).keys()]).toEqual(['waitMs']);
  });

  it('refuses a class whose fields are not described or would not be validated', () => {
    class Undescribed {
      @IsInt()
      port: number = 1;
    }
    class Unruled {
      @Doc('Anything.')
      port: number = 1;
    }
    class Unseen {
      @Doc('Base.')
      @ValidateNested()
      base: Base = new Base();
    }
    class Seen {
      @Doc('Base.')
      @Nested(() => Base)
      base: Base = new Base();
    }
    expect(() => fieldsOf(Undescribed)).toThrow('Undescribed.port has no @Doc.');
    expect(() => fieldsOf(Unruled)).toThrow('Unruled.port has no validation rule.');
    expect(() => fieldsOf(Unseen)).toThrow('Unseen.base uses @ValidateNested');
    expect([...fieldsOf(Seen).keys()]).toEqual(['base']);
  });
});
