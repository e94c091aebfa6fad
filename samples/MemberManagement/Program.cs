using Quorate.Client;

// The founding story by a program: list the members, add one by its peer URL, list, remove it by its id, list.
//   dotnet run --project samples/MemberManagement -- http://192.168.10.109:2379 http://192.168.10.117:2380
if (args.Length != 2)
{
    Console.Error.WriteLine("usage: MemberManagement CLIENT_URLS NEW_PEER_URL");
    return 2;
}

await using var client = new EtcdClient(args[0].Split(','));
await ListAsync("members");
MemberInfo added = await client.AddMemberAsync([args[1]]);
Console.WriteLine($"added {added.Id:x} {string.Join(',', added.PeerUrls)}");
await ListAsync("after the addition");
await client.RemoveMemberAsync(added.Id);
Console.WriteLine($"removed {added.Id:x}");
await ListAsync("after the removal");
return 0;

async Task ListAsync(string title)
{
    Console.WriteLine($"{title}:");
    foreach (MemberInfo member in await client.ListMembersAsync())
    {
        string name = member.IsStarted ? member.Name : "(unstarted)";
        Console.WriteLine($"  {member.Id:x} {name} peers={string.Join(',', member.PeerUrls)} clients={string.Join(',', member.ClientUrls)}");
    }
}
