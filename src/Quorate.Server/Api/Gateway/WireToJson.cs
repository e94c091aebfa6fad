using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Quorate.Server.Api.Gateway;

/// <summary>
/// Writes a message as the gateway's JSON (spec 01 §5.1): names as in the tables, 64-bit numbers as strings, bytes in base64, and
/// what is zero or empty not at all. It goes over the protobuf bytes by the descriptor, so that no reflection is needed.
/// </summary>
internal static class WireToJson
{
    public static void Write(Utf8JsonWriter writer, IMessage message) => Write(writer, message.ToByteArray(), message.Descriptor);

    private static void Write(Utf8JsonWriter writer, byte[] bytes, MessageDescriptor type)
    {
        writer.WriteStartObject();
        var input = new CodedInputStream(bytes);
        FieldDescriptor? open = null;
        uint tag;
        while ((tag = input.ReadTag()) != 0)
        {
            FieldDescriptor? field = type.FindFieldByNumber(WireFormat.GetTagFieldNumber(tag));
            if (field != open && open is not null)
            {
                writer.WriteEndArray();
                open = null;
            }

            if (field is null)
            {
                input.SkipLastField();
                continue;
            }

            if (field != open)
            {
                writer.WritePropertyName(field.Name);
                if (field.IsRepeated)
                {
                    writer.WriteStartArray();
                    open = field;
                }
            }

            bool isNumber = field.FieldType is not (FieldType.Message or FieldType.Bytes or FieldType.String);
            if (field.IsRepeated && isNumber && WireFormat.GetTagWireType(tag) == WireFormat.WireType.LengthDelimited)
            {
                var packed = new CodedInputStream(input.ReadBytes().ToByteArray());
                while (!packed.IsAtEnd)
                {
                    Value(writer, packed, field);
                }
            }
            else
            {
                Value(writer, input, field);
            }
        }

        if (open is not null)
        {
            writer.WriteEndArray();
        }

        writer.WriteEndObject();
    }

    private static void Value(Utf8JsonWriter writer, CodedInputStream input, FieldDescriptor field)
    {
        switch (field.FieldType)
        {
            case FieldType.Message:
                Write(writer, input.ReadBytes().ToByteArray(), field.MessageType);
                break;
            case FieldType.Bytes:
                writer.WriteBase64StringValue(input.ReadBytes().Span);
                break;
            case FieldType.String:
                writer.WriteStringValue(input.ReadString());
                break;
            case FieldType.Bool:
                writer.WriteBooleanValue(input.ReadBool());
                break;
            case FieldType.Enum:
                int number = input.ReadEnum();
                if (field.EnumType.FindValueByNumber(number) is { } value)
                {
                    writer.WriteStringValue(value.Name);
                }
                else
                {
                    writer.WriteNumberValue(number);
                }

                break;
            case FieldType.Int64:
                writer.WriteStringValue(input.ReadInt64().ToString(System.Globalization.CultureInfo.InvariantCulture));
                break;
            case FieldType.UInt64:
                writer.WriteStringValue(input.ReadUInt64().ToString(System.Globalization.CultureInfo.InvariantCulture));
                break;
            case FieldType.Int32:
                writer.WriteNumberValue(input.ReadInt32());
                break;
            case FieldType.UInt32:
                writer.WriteNumberValue(input.ReadUInt32());
                break;
            default:
                throw new NotSupportedException($"{field.FieldType} in {field.FullName}");
        }
    }
}
