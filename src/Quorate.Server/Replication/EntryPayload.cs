using System.Text;
using System.Text.Json;
using Google.Protobuf;
using Quorate.Protocol;
using Quorate.Protocol.Membership;
using Quorate.Server.Membership;

namespace Quorate.Server.Replication;

/// <summary>
/// The data of a normal entry: a request of the present API, or one of the second API, by which 3.4 and 3.5 publish members and the cluster's
/// version (spec 04 §7).
/// </summary>
internal static class EntryPayload
{
    private const string MembersPath = "/0/members/", AttributesPath = "/attributes", VersionPath = "/0/version";

    /// <summary>
    /// The request's id and whether it is one of the second API, without parsing more than needed; false for what is neither.
    /// </summary>
    public static bool TryReadId(ReadOnlySpan<byte> data, out ulong id, out bool isSecondApi)
    {
        id = 0;
        isSecondApi = false;
        ulong firstField = 0;
        int position = 0;
        while (position < data.Length)
        {
            if (!TryReadVarint(data, ref position, out ulong tag))
            {
                return false;
            }

            switch (tag & 7)
            {
                case 0:
                    if (!TryReadVarint(data, ref position, out ulong number))
                    {
                        return false;
                    }

                    if (tag >> 3 == 1)
                    {
                        firstField = number;
                    }

                    break;
                case 1:
                    position += 8;
                    break;
                case 2:
                    if (!TryReadVarint(data, ref position, out ulong length) || length > (ulong)(data.Length - position))
                    {
                        return false;
                    }

                    ReadOnlySpan<byte> content = data.Slice(position, (int)length);
                    position += (int)length;
                    switch (tag >> 3)
                    {
                        case 2:
                            isSecondApi = true;
                            id = IsMethod(content) || !TryReadId(content, out ulong inner, out _) ? firstField : inner;
                            return true;
                        case 100 when !TryReadFirst(content, out id):
                            return false;
                        case 100:
                            return true;
                    }

                    break;
                case 5:
                    position += 4;
                    break;
                default:
                    return false;
            }
        }

        id = firstField;
        return true;
    }

    /// <summary>
    /// The request of the present API that has the effect of one of the second API; null for one that has none.
    /// </summary>
    public static InternalRaftRequest? Translate(ReadOnlyMemory<byte> data)
    {
        Request request = Request.Parser.ParseFrom(data.Span);
        if (!IsMethod(Encoding.UTF8.GetBytes(request.Method)))
        {
            // The wrapped form: field 2 is the request itself.
            var input = new CodedInputStream(data.ToArray());
            while (input.ReadTag() is var tag && tag != 0)
            {
                if (tag == WireFormat.MakeTag(2, WireFormat.WireType.LengthDelimited))
                {
                    request = Request.Parser.ParseFrom(input.ReadBytes());
                    break;
                }

                input.SkipLastField();
            }
        }

        if (request.Method != "PUT")
        {
            return null;
        }

        if (request.Path == VersionPath)
        {
            return new InternalRaftRequest { ClusterVersionSet = new ClusterVersionSetRequest { Ver = request.Val } };
        }

        if (!request.Path.StartsWith(MembersPath, StringComparison.Ordinal) || !request.Path.EndsWith(AttributesPath, StringComparison.Ordinal)
            || !ulong.TryParse(request.Path.AsSpan(MembersPath.Length, request.Path.Length - MembersPath.Length - AttributesPath.Length),
                System.Globalization.NumberStyles.AllowHexSpecifier, System.Globalization.CultureInfo.InvariantCulture, out ulong member))
        {
            return null;
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(request.Val);
            var attributes = new Attributes { Name = MemberJson.String(document.RootElement, "name") };
            attributes.ClientUrls.AddRange(MemberJson.Strings(document.RootElement, "clientURLs"));
            return new InternalRaftRequest
            {
                ClusterMemberAttrSet = new ClusterMemberAttrSetRequest { MemberID = member, MemberAttributes = attributes },
            };
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>The form of the second API for publishing a member.</summary>
    public static byte[] PublishInSecondApi(ulong id, ulong member, string name, IReadOnlyList<string> clientUrls) =>
        Put(id, $"{MembersPath}{member:x}{AttributesPath}", MemberJson.Attributes(name, clientUrls));

    /// <summary>The form of the second API for setting the cluster's version.</summary>
    public static byte[] VersionInSecondApi(ulong id, Version version) => Put(id, VersionPath, $"{version.Major}.{version.Minor}.0");

    /// <summary>All fields but the two optional ones are written, zero or not: as every version that reads it does.</summary>
    private static byte[] Put(ulong id, string path, string value) => new Request
    {
        ID = id,
        Method = "PUT",
        Path = path,
        Val = value,
        Dir = false,
        PrevValue = "",
        PrevIndex = 0,
        Expiration = 0,
        Wait = false,
        Since = 0,
        Recursive = false,
        Sorted = false,
        Quorum = false,
        Time = 0,
        Stream = false,
    }.ToByteArray();

    private static bool IsMethod(ReadOnlySpan<byte> text) =>
        text.SequenceEqual("PUT"u8) || text.SequenceEqual("POST"u8) || text.SequenceEqual("DELETE"u8) || text.SequenceEqual("QGET"u8)
        || text.SequenceEqual("SYNC"u8);

    private static bool TryReadFirst(ReadOnlySpan<byte> header, out ulong id)
    {
        id = 0;
        int position = 0;
        return header.Length == 0 || header[0] != 0x08 || (TryReadVarint(header, ref position, out _) && TryReadVarint(header, ref position, out id));
    }

    private static bool TryReadVarint(ReadOnlySpan<byte> data, ref int position, out ulong value)
    {
        value = 0;
        for (int shift = 0; shift < 70 && position < data.Length; shift += 7)
        {
            byte next = data[position++];
            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
            {
                return true;
            }
        }

        return false;
    }
}
